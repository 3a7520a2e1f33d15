import { Module } from '@nestjs/common';
import { OperationsModule } from '../operations/operations.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { ScheduleStore } from './schedule.store.js';
import { ScheduleTicks } from './schedule-ticks.js';
import { ScheduledOperations } from './scheduled-operations.js';
import { SchedulesService } from './schedules.service.js';

/** Operations that are submitted at times known beforehand. */
@Module({
  imports: [OperationsModule, SigningModule],
  providers: [ScheduleStore, ScheduledOperations, ScheduleTicks, SchedulesService],
  exports: [ScheduleStore, ScheduleTicks, SchedulesService, OperationsModule],
})
export class SchedulesModule {}
