/** Picks the transport for this page. The fake is a chunk of its own, fetched only when asked for. */
import type { Client } from './client';

export async function chooseClient(): Promise<Client> {
  if ('__TAURI_INTERNALS__' in window) {
    const { tauriClient } = await import('./tauri');
    return tauriClient();
  }
  const wanted = new URLSearchParams(location.search);
  if (wanted.has('fake')) {
    const { fakeClient } = await import('./fake');
    return fakeClient(wanted);
  }
  const { rpcClient, takeToken } = await import('./rpc');
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return rpcClient(`${scheme}//${location.host}/rpc`, takeToken(location, history, sessionStorage));
}
