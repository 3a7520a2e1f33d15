import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.js';
import { OperationsModule } from '../operations/operations.module.js';
import { MetricsController } from './metrics.controller.js';
import { MetricsService } from './metrics.service.js';

/** `/metrics`, in every process. */
@Module({
  imports: [HealthModule, OperationsModule],
  controllers: [MetricsController],
  providers: [MetricsService],
})
export class MetricsModule {}
