/** Takes files that are dropped on an element, be it told by the page or by the shell around it. */
import type { Platform } from '$lib/platform';
import type { Source } from '$lib/state/staging.svelte';

export class DropTarget {
  over: boolean = $state(false);

  constructor(
    readonly platform: Platform,
    /** Whether files are wanted just now. */
    readonly wanted: () => boolean,
    readonly take: (sources: Source[], folders: number) => void,
  ) {}

  watch = (element: HTMLElement): (() => void) => {
    const stop = new AbortController();
    const options = { signal: stop.signal };
    const carries = (event: DragEvent) =>
      this.wanted() && (event.dataTransfer?.types.includes('Files') ?? false);
    const enter = (event: DragEvent) => {
      if (!carries(event)) return;
      event.preventDefault();
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
      this.over = true;
    };
    element.addEventListener('dragenter', enter, options);
    element.addEventListener('dragover', enter, options);
    element.addEventListener(
      'dragleave',
      (event) => {
        // Leaving one of the elements inside is not leaving.
        if (!element.contains(event.relatedTarget as Node | null)) this.over = false;
      },
      options,
    );
    element.addEventListener(
      'drop',
      (event) => {
        this.over = false;
        if (!carries(event) || !event.dataTransfer) return;
        event.preventDefault();
        const { files, folders } = filesOf(event.dataTransfer);
        this.take(files, folders);
      },
      options,
    );
    const unfollow = this.platform.onDrop({
      over: (over) => (this.over = over && this.wanted()),
      drop: (sources) => {
        this.over = false;
        if (this.wanted()) this.take(sources, 0);
      },
    });
    return () => {
      stop.abort();
      unfollow();
    };
  };
}

/** A browser gives a folder as a file that cannot be read. */
export function filesOf(data: DataTransfer): { files: File[]; folders: number } {
  const files: File[] = [];
  let folders = 0;
  for (const item of data.items) {
    if (item.kind !== 'file') continue;
    const file = item.getAsFile();
    if (item.webkitGetAsEntry?.()?.isDirectory) folders += 1;
    else if (file) files.push(file);
  }
  return { files, folders };
}
