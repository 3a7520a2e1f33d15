/** More operation types than this share the label `other`: what a scrape costs stays bounded. */
const MAX_TYPES = 100;

/** The values of the label `type`, of which there is a bounded number. */
export class TypeLabels {
  private readonly known = new Set<string>();

  /** The type itself, or `other`. */
  of(type: string): string {
    if (this.known.size < MAX_TYPES) this.known.add(type);
    return this.known.has(type) ? type : 'other';
  }
}
