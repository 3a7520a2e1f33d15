import { IsOptional } from 'class-validator';
import { IsAccount } from '../../accounts/whose.js';
import { IsSought } from '../../http/filter-fields.js';

export class SearchQuery {
  /** An id, a `request_id`, or the whole of a correlation; for keys with the scope `admin` an account's name too. */
  @IsSought()
  q: string;

  @IsOptional()
  @IsAccount()
  account?: string;
}
