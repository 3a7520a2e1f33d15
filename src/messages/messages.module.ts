import { Module } from '@nestjs/common';
import { EgressModule } from '../egress/egress.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { SigningModule } from '../signing/signing.module.js';
import { AttemptCallbacks } from './attempt-callbacks.js';
import { GroupMessageHandler } from './group-message.handler.js';
import { MessageCallbacks } from './message-callbacks.js';
import { MessageHandler } from './message.handler.js';
import { MessageKeyStore } from './message-keys.store.js';
import { QueueStore } from './queue.store.js';
import { Queues } from './queues.js';
import { UrlGroupStore } from './url-group.store.js';
import { UrlGroups } from './url-groups.js';

/** Messages: requests that are made until they are answered 2xx, with the retries, signatures and callbacks of QStash. */
@Module({
  imports: [OperationsModule, EgressModule, SigningModule],
  providers: [
    MessageHandler,
    GroupMessageHandler,
    MessageKeyStore,
    MessageCallbacks,
    AttemptCallbacks,
    UrlGroupStore,
    QueueStore,
    Queues,
    UrlGroups,
  ],
  exports: [MessageKeyStore, UrlGroups, Queues],
})
export class MessagesModule {}
