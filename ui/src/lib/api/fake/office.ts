/** What the made-up people do by themselves: receive, read, type, answer, come and go. */
import type { Conversation, DeliveryState, Message } from '$lib/api/generated';
import type { Scene } from './answers';
import { statusOf, type Emit } from './index';
import { REPLIES } from './words';
import { dice, pick, say, type Author, type World } from './world';

const STEP: Partial<Record<DeliveryState, DeliveryState>> = { waiting: 'delivered', delivered: 'read' };

export class Office {
  #roll = dice(7);

  constructor(
    readonly world: World,
    readonly emit: Emit,
    readonly quiet: boolean,
  ) {}

  open(): void {
    if (this.quiet) return;
    setInterval(() => this.#somebodyMoves(), 9_000);
  }

  /** Carries a message of ours to the others and lets one of them answer. */
  carry(conversation: Conversation, message: Message): void {
    const author = this.#answerer(conversation);
    setTimeout(() => this.#advance(message), 500);
    if (this.quiet || !author) return;
    setTimeout(() => this.#advance(message), 1_400);
    const typing = { conversation: conversation.conversation, account: author.account };
    setTimeout(() => this.emit({ type: 'typing.changed', ...typing, typing: true }), 1_500);
    setTimeout(() => {
      this.emit({ type: 'typing.changed', ...typing, typing: false });
      this.arrive(conversation, author, pick(REPLIES, this.#roll));
    }, 3_500);
  }

  /** Another device reads the code that is shown. */
  link(scene: Scene): void {
    if (this.quiet) return;
    setTimeout(() => this.emit({ type: 'link.changed', step: 'receiving', message: '' }), 3_000);
    setTimeout(() => {
      scene.status = statusOf('ready');
      this.emit({ type: 'link.changed', step: 'done', message: '' });
    }, 5_500);
  }

  arrive(conversation: Conversation, author: Author, text: string): void {
    const message = say(this.world, conversation, author, text, Date.now());
    conversation.unread += 1;
    this.emit({ type: 'message.added', message });
    this.emit({ type: 'conversation.changed', conversation });
  }

  #advance(message: Message): void {
    message.state = STEP[message.state] ?? message.state;
    const { conversation, position } = message;
    const account = this.world.account.account;
    const read_position = message.state === 'read' ? position : null;
    this.emit({
      type: 'receipt.changed',
      conversation,
      account,
      delivered_position: position,
      read_position,
    });
    const holder = this.world.conversations.get(conversation);
    if (holder) this.emit({ type: 'conversation.changed', conversation: holder });
  }

  #answerer(conversation: Conversation) {
    const peers = [...this.world.peers.values()].filter(
      (peer) => peer.online && conversation.members.some((member) => member.account === peer.account),
    );
    return peers.length > 0 ? pick(peers, this.#roll) : undefined;
  }

  #somebodyMoves(): void {
    const peers = [...this.world.peers.values()];
    if (peers.length === 0) return;
    const peer = pick(peers, this.#roll);
    peer.online = !peer.online;
    peer.last_seen_ms = Date.now();
    this.emit({ type: 'peer.changed', peer });
  }
}
