import { Module } from '@nestjs/common';
import { ScheduleLoop } from './schedule.loop.js';
import { SchedulesModule } from './schedules.module.js';

/** Submits what schedules have come due for, in this process. */
@Module({ imports: [SchedulesModule], providers: [ScheduleLoop] })
export class SchedulesWorkerModule {}
