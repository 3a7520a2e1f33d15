/** What is known of a release beside which today's build runs on one database. */
export interface Release {
  readonly version: string;
  /** Of its tag. */
  readonly commit: string;
  /** The name of the migration that makes its functions. */
  readonly functions: string;
  /** Forms of functions that only the release before it calls: they are dropped. */
  readonly retired: readonly string[];
}

/** The last release, written by `npm run release`; sql/released.txt is what its processes rely on. */
export const LAST_RELEASE: Release = {
  version: '0.1.0',
  commit: 'd48a68a7e63f542ca515f6d5fcdc7939089b1890',
  functions: 'Functions5ccde2def8af9999999999999',
  retired: [],
};
