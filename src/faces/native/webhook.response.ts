import { ApiInteger, ApiTime } from '../../http/api-properties.js';
import { OperationEventData } from './operation.response.js';

/** Told when an operation has ended. */
export class OperationEvent {
  type: 'operation.finished' | 'operation.failed' | 'operation.canceled';
  @ApiTime()
  timestamp: string;
  /** As `GET /v1/operations/:id` shows it; only `callback.state` moves on afterwards. */
  data: OperationEventData;
}

export class ExhaustedDelivery {
  id: string;
  operation_id: string | null;
  endpoint_id: string | null;
  /** What was to be told. */
  event: string;
  @ApiInteger()
  attempt_count: number;
  @ApiTime()
  created_at: string;
  /** Why it was given up. */
  reason: string | null;
}

/** Told to the account's endpoints when a delivery was given up. */
export class DeliveryExhaustedEvent {
  type: 'delivery.exhausted';
  @ApiTime()
  timestamp: string;
  data: ExhaustedDelivery;
}

export class DisabledEndpoint {
  id: string;
  description: string;
  disabled_reason: string | null;
  @ApiTime()
  disabled_at: string;
}

/** Told to the account's other endpoints when one was disabled. */
export class EndpointDisabledEvent {
  type: 'endpoint.disabled';
  @ApiTime()
  timestamp: string;
  data: DisabledEndpoint;
}
