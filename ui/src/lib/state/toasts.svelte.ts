/** Short notices at the edge of the window, some with a way back. */
const LIFE_MS = 6_000;

export interface Toast {
  id: number;
  text: string;
  tone: 'plain' | 'error';
  action?: { label: string; run: () => void };
}

interface Options {
  tone?: Toast['tone'];
  action?: Toast['action'];
  /** Stays until somebody closes it. */
  lasting?: boolean;
}

export class Toasts {
  items: Toast[] = $state([]);
  #next = 1;

  show(text: string, options: Options = {}): void {
    const toast: Toast = { id: this.#next++, text, tone: options.tone ?? 'plain' };
    if (options.action) toast.action = options.action;
    this.items = [...this.items, toast].slice(-4);
    if (options.lasting) return;
    setTimeout(() => this.close(toast.id), options.tone === 'error' ? LIFE_MS * 2 : LIFE_MS);
  }

  close(id: number): void {
    this.items = this.items.filter((toast) => toast.id !== id);
  }
}
