import { IsIn, IsOptional, Matches } from 'class-validator';
import { DELIVERY_STATES, type DeliveryState } from '../../deliveries/delivery.state.js';
import { ApiDetail } from '../../http/api-properties.js';
import { IsInstant } from '../../http/instant.js';
import { PageQuery } from './operation.request.js';

export class ListDeliveriesQuery extends PageQuery {
  @IsOptional()
  @IsIn(DELIVERY_STATES)
  status?: DeliveryState;

  /** Id of an endpoint. */
  @IsOptional()
  @Matches(/^ep_[0-9a-f]{32}$/, { message: 'endpoint must be an endpoint id: ep_ and 32 hex digits' })
  endpoint?: string;

  /** Id of an operation. */
  @IsOptional()
  @Matches(/^[0-9a-f]{32}$/, { message: 'operation must be an operation id: 32 hex digits' })
  operation?: string;

  /** Made at or after this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  since?: string;

  /** Made before this time (RFC 3339). */
  @IsOptional()
  @IsInstant()
  until?: string;
}

export class RedeliverQuery {
  /** `true`: a Delivered one too, of a receiver that lost it after its 2xx. */
  @IsOptional()
  @ApiDetail({ type: 'boolean', enum: undefined })
  @IsIn(['true', 'false'])
  again?: 'true' | 'false';
}
