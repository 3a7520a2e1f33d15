import { IsIn, IsOptional, IsString, Length, Matches } from 'class-validator';
import { AUDIT_ACTIONS, type AuditAction } from '../../accounts/audit-action.js';
import { IsInstant } from '../../http/instant.js';
import { PageQuery } from './operation.request.js';

const ACTION = AUDIT_ACTIONS.map((action) => action.replace('.', '\\.')).join('|');

export class ListAuditQuery extends PageQuery {
  /** Id of the account that it concerns; `*`, the default, for all. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  account?: string;

  /** Id or name of the key that did it. */
  @IsOptional()
  @IsString()
  @Length(1, 100)
  actor?: string;

  /** What was done, such as `key.created`; several by comma. */
  @IsOptional()
  @Matches(new RegExp(`^(?:${ACTION})(?:,(?:${ACTION}))*$`), {
    message: `action must be of ${AUDIT_ACTIONS.join(', ')}, several by comma`,
  })
  action?: string;

  /** Not before this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  since?: string;

  /** Before this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  until?: string;

  /** `asc`, the default, begins with the oldest, `desc` with the newest. */
  @IsOptional()
  @IsIn(['asc', 'desc'])
  order?: 'asc' | 'desc';
}

/** The actions that a query names; undefined for all. */
export function actionsOf({ action }: ListAuditQuery): AuditAction[] | undefined {
  return action === undefined ? undefined : (action.split(',') as AuditAction[]);
}
