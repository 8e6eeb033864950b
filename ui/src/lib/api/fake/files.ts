/** Files that lie about in the made-up office, one of each way a file can stand. */
import type { Attachment, Conversation, FileState, Transfer } from '$lib/api/generated';
import { paint } from './paint';
import { fakeId, say, type Author, type World } from './world';

const MIB = 1024 * 1024;
let made = 0;

export function attachmentOf(
  name: string,
  media_type: string,
  size_bytes: number,
  state: FileState = 'here',
): Attachment {
  made += 1;
  const received_bytes = state === 'here' ? size_bytes : 0;
  const file = fakeId('file', made);
  return { file, name, media_type, size_bytes, state, received_bytes, transfer: null };
}

function painted(world: World, name: string, seed: number, width: number, height: number): Attachment {
  // Its size is only known once it is painted, and that costs: nearly right will do.
  const attachment = attachmentOf(name, 'image/png', 0);
  let content: Uint8Array<ArrayBuffer> | undefined;
  const give = () => (content ??= paint(seed, width, height));
  attachment.size_bytes = give().length;
  attachment.received_bytes = attachment.size_bytes;
  world.contents.set(attachment.file, give);
  return attachment;
}

function stuck(attachment: Attachment, message: string, change: Partial<Transfer>): Transfer {
  const { file, name, size_bytes } = attachment;
  return {
    transfer: fakeId('transfer', made),
    kind: 'fetch',
    state: 'waiting',
    file,
    name,
    size_bytes,
    done_bytes: Math.floor(size_bytes * 0.4),
    conversation: null,
    message,
    sources: 0,
    code: null,
    reason: null,
    path: null,
    ...change,
  };
}

/** Fills a conversation with files of every kind and state. */
export function layOut(world: World, conversation: Conversation, people: Author[], end: number): void {
  const [alice, bob, lei, carol, dave] = people;
  if (!alice || !bob || !lei || !carol || !dave) return;
  let at = end - 3_600_000;
  const send = (author: Author, text: string, attachments: Attachment[], extra = {}) =>
    say(world, conversation, author, text, (at += 300_000), { attachments, ...extra });

  send(alice, 'The two views from the test bench, before and after.', [
    painted(world, 'before.png', 3, 1_200, 800),
    painted(world, 'after.png', 8, 1_200, 800),
  ]);
  send(world.account, '', [painted(world, 'whiteboard.png', 21, 1_600, 1_000)], { state: 'read' });
  send(bob, 'Notes and numbers for the release, please read before Thursday.', [
    attachmentOf('release-notes-2.4.pdf', 'application/pdf', 412_000),
    attachmentOf('测试数据-第三轮.csv', 'text/csv', 38_400),
  ]);
  send(carol, '', [attachmentOf('demo-recording.mp4', 'video/mp4', 84 * MIB, 'absent')]);

  const firmware = attachmentOf(
    'firmware-2.4.0-rc1-all-boards-signed.zip',
    'application/zip',
    34 * MIB,
    'fetching',
  );
  const waiting = send(dave, '固件在这里，装之前请先备份。', [firmware]);
  const waits = stuck(firmware, waiting.message, { code: 'offline', reason: 'Nobody who has it is online.' });
  firmware.transfer = waits.transfer;
  world.transfers.set(waits.transfer, waits);

  const logs = attachmentOf('logs.tar.gz', 'application/gzip', 6 * MIB, 'absent');
  const failing = send(lei, '', [logs]);
  const change = { state: 'failed' as const, code: 'nobody_has_it', reason: 'Nobody has it any more.' };
  const failed = stuck(logs, failing.message, change);
  world.transfers.set(failed.transfer, failed);

  const later = attachmentOf('panorama.jpg', 'image/jpeg', 14 * MIB, 'absent');
  const broken = attachmentOf('scan.webp', 'image/webp', 2_000);
  send(bob, 'A large one, and one that my scanner got wrong.', [later, broken]);
  world.contents.set(later.file, () => paint(30, 1_800, 700));
  send(alice, '', [attachmentOf('seating-plan.xlsx', 'application/vnd.ms-excel', 71_000)]);
}
