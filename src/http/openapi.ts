import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { HttpConfig } from '../config/config.js';
import { VERSION } from '../config/version.js';
import { describeAnswers } from './openapi-problems.js';
import { ProblemResponse } from './problem.response.js';

/** The OpenAPI document of what this application serves, wherever that is. */
export function openApi(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Ringback')
    .setDescription(
      'Runs slow API operations in the background and rings back, signed, when they end. Errors are application/problem+json (RFC 9457) with a stable `code`.',
    )
    .setVersion(VERSION)
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key: rb_…' })
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
    extraModels: [ProblemResponse],
  });
  sortEnums(document.components?.schemas);
  return describeAnswers(document);
}

/** The compiler lists the members of a union in whatever order it met them: a document must not change with it. */
function sortEnums(node: unknown): void {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === 'enum' && Array.isArray(value)) value.sort(byText);
    else sortEnums(value);
  }
}

function byText(one: unknown, other: unknown): number {
  return String(one) < String(other) ? -1 : 1;
}

/** The document of this installation: clients made from it, and the page, call where it is reached, below a path too. */
function servedOpenApi(app: INestApplication): OpenAPIObject {
  const { publicUrl } = app.get<HttpConfig>(HttpConfig, { strict: false });
  return { ...openApi(app), servers: [{ url: publicUrl }] };
}

/** Serves `/openapi.json` and `/docs`; the document is made when it is first asked for. */
export function serveOpenApi(app: INestApplication): void {
  SwaggerModule.setup('docs', app, () => servedOpenApi(app), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Ringback API',
  });
}
