/** How a file of a message stands: what the message says of it, and what is going on with it just now. */
import type { Attachment, Transfer } from '$lib/api/generated';

export type What = 'absent' | 'gone' | 'waiting' | 'running' | 'failed' | 'here' | 'saved';

export interface Standing {
  what: What;
  /** Done, from 0 to 1. */
  part: number;
  transfer: Transfer | undefined;
}

/** `latest`: the last transfer of this file. */
export function standingOf(attachment: Attachment, latest: Transfer | undefined): Standing {
  const standing = (what: What, doneBytes = 0): Standing => {
    const part = attachment.size_bytes > 0 ? doneBytes / attachment.size_bytes : 0;
    return { what, part: Math.min(1, part), transfer: latest };
  };
  const here = attachment.state === 'here';
  switch (latest?.state) {
    case 'waiting':
      return standing('waiting', latest.done_bytes);
    case 'running':
      return standing('running', latest.done_bytes);
    case 'failed':
      // A fetch that failed means nothing once the file has come in another way.
      if (latest.kind === 'save' || !here) return standing('failed', latest.done_bytes);
      break;
    case 'done':
      if (latest.kind === 'save') return standing('saved', attachment.size_bytes);
      // Its message is told of it a moment later.
      if (latest.kind === 'fetch' && attachment.state !== 'gone')
        return standing('here', attachment.size_bytes);
  }
  if (here) return standing('here', attachment.size_bytes);
  if (attachment.state === 'fetching') return standing('running', attachment.received_bytes);
  return standing(attachment.state);
}
