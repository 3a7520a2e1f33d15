import { Module, type OnModuleInit } from '@nestjs/common';
import { speakErrorsBelow } from '../../http/problem.js';
import { MessagesModule } from '../../messages/messages.module.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { SchedulesModule } from '../../schedules/schedules.module.js';
import { Destinations } from './destinations.js';
import { QstashDlqController } from './dlq.controller.js';
import { QstashKeysController } from './keys.controller.js';
import { QstashLogsController } from './logs.controller.js';
import { Messages } from './messages.js';
import { QstashMessagesController } from './messages.controller.js';
import { QstashNotOfferedController } from './not-offered.controller.js';
import { QstashPublishController } from './publish.controller.js';
import { Publisher } from './publisher.js';
import { Lanes } from './lanes.js';
import { QstashFlowControlController } from './flow-control.controller.js';
import { QstashQueuesController } from './queues.controller.js';
import { QstashSchedulesController } from './schedules.controller.js';
import { QstashSchedules } from './schedules.js';
import { ScheduleStates } from './schedule-states.store.js';
import { QstashTopicsController } from './topics.controller.js';
import { qstashError } from './qstash-error.response.js';

/** The qstash face: `/qstash/v2`, for clients of Upstash's QStash. */
@Module({
  imports: [OperationsModule, MessagesModule, SchedulesModule],
  // The last one's wildcard takes what the others leave.
  controllers: [
    QstashPublishController,
    QstashTopicsController,
    QstashSchedulesController,
    QstashQueuesController,
    QstashFlowControlController,
    QstashMessagesController,
    QstashDlqController,
    QstashLogsController,
    QstashKeysController,
    QstashNotOfferedController,
  ],
  providers: [Destinations, Lanes, Publisher, Messages, QstashSchedules, ScheduleStates],
})
export class QstashModule implements OnModuleInit {
  onModuleInit(): void {
    speakErrorsBelow('/qstash/', qstashError);
  }
}
