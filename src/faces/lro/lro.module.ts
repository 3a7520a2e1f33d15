import { Module } from '@nestjs/common';
import { OperationsModule } from '../../operations/operations.module.js';
import { LroController } from './lro.controller.js';

/** The lro face: the status monitor under `/lro`. */
@Module({ imports: [OperationsModule], controllers: [LroController] })
export class LroModule {}
