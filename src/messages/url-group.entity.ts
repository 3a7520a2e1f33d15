import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A name that stands for several URLs. */
@Entity('url_group')
export class UrlGroupEntity {
  @PrimaryColumn({ name: 'id', type: 'text' })
  id: string;

  @Column({ name: 'account_id', type: 'text' })
  accountId: string;

  /** Unique in its account. */
  @Column({ name: 'name', type: 'text' })
  name: string;

  /** Sealed JSON of `UrlGroupEndpoint[]`. */
  @Column({ name: 'endpoints', type: 'text' })
  endpoints: string;

  /** How often it was changed. */
  @Column({ name: 'changes', type: 'integer' })
  changes: number;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'updated_at', type: 'timestamptz' })
  updatedAt: Date;
}
