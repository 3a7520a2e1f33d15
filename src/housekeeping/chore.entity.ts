import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Recurring work of the whole installation: dispatched and claimed like an operation. */
@Entity('chore')
export class ChoreEntity {
  @PrimaryColumn({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'due_at', type: 'timestamptz' })
  dueAt: Date;

  /** Grows with every dispatch and claim: what names an older one is void. */
  @Column({ name: 'epoch', type: 'integer' })
  epoch: number;
}
