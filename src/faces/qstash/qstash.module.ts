import { Module, type OnModuleInit } from '@nestjs/common';
import { speakErrorsBelow } from '../../http/problem.js';
import { MessagesModule } from '../../messages/messages.module.js';
import { OperationsModule } from '../../operations/operations.module.js';
import { Destinations } from './destinations.js';
import { QstashNotOfferedController } from './not-offered.controller.js';
import { QstashPublishController } from './publish.controller.js';
import { Publisher } from './publisher.js';
import { QstashTopicsController } from './topics.controller.js';
import { qstashError } from './qstash-error.response.js';

/** The qstash face: `/qstash/v2`, for clients of Upstash's QStash. */
@Module({
  imports: [OperationsModule, MessagesModule],
  // The last one's wildcard takes what the others leave.
  controllers: [QstashPublishController, QstashTopicsController, QstashNotOfferedController],
  providers: [Destinations, Publisher],
})
export class QstashModule implements OnModuleInit {
  onModuleInit(): void {
    speakErrorsBelow('/qstash/', qstashError);
  }
}
