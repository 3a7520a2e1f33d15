/** A link of the page to a file beside it, as the build writes them. */
const RELATIVE = /(\s(?:src|href)=")\.\//g;
/** Links of deeper pages are kept ready; nobody has a reason to ask for more. */
const MAX_DEPTH = 20;

/**
 * The one page of the console, which finds its files from wherever it was opened: they are named relative to it, since only the
 * browser knows below which path a proxy, or an application around, has put the console.
 */
export class ConsolePage {
  private readonly ofDepth: string[] = [];

  constructor(private readonly html: string) {}

  /** The page as it is opened at a path below the console, `operations/1` for instance; null for one that no link leads to. */
  at(path: string): string | null {
    const depth = path.split('/').length - 1;
    if (depth > MAX_DEPTH) return null;
    return (this.ofDepth[depth] ??= this.html.replaceAll(RELATIVE, `$1${'../'.repeat(depth) || './'}`));
  }
}
