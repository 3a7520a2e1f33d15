import { IsIn, IsOptional } from 'class-validator';
import { ApiDetail, fieldsOf } from '../../http/api-properties.js';
import { DeliveryFilterRequest } from './delivery-filter.request.js';
import { AccountQuery, ListQuery } from './operation.request.js';

export class ListDeliveriesQuery extends fieldsOf(DeliveryFilterRequest, ListQuery) {}

export class RedeliverQuery extends AccountQuery {
  /** `true`: a Delivered one too, of a receiver that lost it after its 2xx. */
  @IsOptional()
  @ApiDetail({ type: 'boolean', enum: undefined })
  @IsIn(['true', 'false'])
  again?: 'true' | 'false';
}
