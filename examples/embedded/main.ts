import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { RingbackModule } from 'ringback';
import { PredictionsController } from './predictions.controller.js';
import { Dictionary, WordsHandler } from './words.handler.js';

const { DATABASE_URL, REDIS_URL, SECRET_KEYS, API_KEY, PORT = '3000' } = process.env;

/** An application that runs its slow work on Ringback, and serves Ringback's own API under `/ringback`. */
@Module({
  imports: [
    RingbackModule.forRoot({
      databaseUrl: DATABASE_URL!,
      ...(REDIS_URL ? { redisUrl: REDIS_URL } : {}),
      secretKeys: SECRET_KEYS!,
      apiKey: API_KEY!,
      mount: '/ringback',
      publicUrl: `http://127.0.0.1:${PORT}/ringback`,
      allowedPrivate: '127.0.0.0/8',
    }),
  ],
  controllers: [PredictionsController],
  providers: [Dictionary, WordsHandler],
})
class ExampleModule {}

const app = await NestFactory.create<NestFastifyApplication>(ExampleModule, new FastifyAdapter(), {
  logger: ['error', 'warn'],
  bodyParser: false,
});
// Replicate's client names JSON also where it sends nothing.
const fastify = app.getHttpAdapter().getInstance();
const parseJson = fastify.getDefaultJsonParser('error', 'error');
fastify.removeContentTypeParser('application/json');
fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
  if (body === '') done(null, undefined);
  else void parseJson(request, body as string, done);
});
app.setGlobalPrefix('v1');
app.enableShutdownHooks();
await app.listen(Number(PORT), '127.0.0.1');
console.log(`Listening on ${await app.getUrl()}`);
