import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { HttpConfig } from '../config/config.js';
import { VERSION } from '../config/version.js';
import { partsOf } from './openapi-part.js';
import { describeProblems } from './openapi-problems.js';
import { describeRoutes, dropUnusedTags } from './openapi-routes.js';
import { dropUnused, mendSchemas } from './openapi-schemas.js';
import { ProblemResponse } from './problem.response.js';

const TAGS = {
  operations: 'Submitting operations, and following them to their end',
  deliveries: 'The log of callbacks',
  endpoints: 'Callback URLs that are registered once, and the secrets that sign',
  stats: 'What happened: counts by time, and live',
  work: 'Operations for workers in any language',
  files: 'Inputs and results as files',
  admin: 'Accounts and keys of the installation',
  lro: 'The status monitor in the Azure style',
  trm: 'The same operations in the `trm` envelope',
  webhooks: 'What receivers are told',
  health: 'For load balancers and monitoring',
};

/** The OpenAPI document of what this application serves, where it is reached: below a path too. */
export function openApi(app: INestApplication): OpenAPIObject {
  const { publicUrl } = app.get<HttpConfig>(HttpConfig, { strict: false });
  const parts = partsOf(app);
  const document = SwaggerModule.createDocument(app, builder().addServer(publicUrl).build(), {
    autoTagControllers: false,
    extraModels: [ProblemResponse, ...parts.flatMap(({ models }) => models)],
  });
  mendSchemas(document);
  describeRoutes(document);
  for (const part of parts) part.describe(document);
  describeProblems(document);
  dropUnused(document);
  dropUnusedTags(document);
  return document;
}

function builder(): DocumentBuilder {
  const builder = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Ringback')
    .setDescription(
      'Runs slow API operations in the background and rings back, signed, when they end. Errors are application/problem+json (RFC 9457) with a stable `code`.',
    )
    .setVersion(VERSION)
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addSecurity('bearer', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'rb_…',
      description: 'An API key: rb_…',
    });
  for (const [name, description] of Object.entries(TAGS)) builder.addTag(name, description);
  return builder;
}

/** Serves `/openapi.json` and `/docs`; the document is made when it is first asked for, and anew when a part of it has changed. */
export function serveOpenApi(app: INestApplication): void {
  let made: { document: OpenAPIObject; version: number } | undefined;
  const current = async (): Promise<OpenAPIObject> => {
    const parts = partsOf(app);
    // What can't be read now is described as it was.
    await Promise.all(parts.map((part) => part.fresh().catch(() => undefined)));
    const version = parts.reduce((sum, part) => sum + part.version, 0);
    if (made?.version !== version) made = { document: openApi(app), version };
    return made.document;
  };
  SwaggerModule.setup('docs', app, () => ({}) as OpenAPIObject, {
    patchDocumentOnRequest: current,
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Ringback API',
  });
}
