import { ApiInteger } from '../../http/api-properties.js';

export class BulkMatchResponse {
  /** How many it would act on now. */
  @ApiInteger()
  matched: number;
}
