import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Recurring work of the whole installation: the process that takes the due row does it, and the others let it. */
@Entity('chore')
export class ChoreEntity {
  @PrimaryColumn({ name: 'name', type: 'text' })
  name: string;

  @Column({ name: 'due_at', type: 'timestamptz' })
  dueAt: Date;
}
