import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A run of `http.request` that has a place at the origin it calls, as long as its operation has this lease; or a poll, as long as that has. */
@Entity('origin_call')
export class OriginCallEntity {
  @PrimaryColumn({ name: 'request_id', type: 'bigint' })
  requestId: string;

  @Column({ name: 'lease_token', type: 'uuid' })
  leaseToken: string;

  @Index('origin_call_origin')
  @Column({ name: 'origin', type: 'text' })
  origin: string;
}
