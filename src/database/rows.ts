import { Injectable } from '@nestjs/common';
import { DataSource, type ObjectType } from 'typeorm';

/** Turns rows of raw statements (`RETURNING o.*`) into entities, by the entities' own column names. */
@Injectable()
export class Rows {
  private readonly columns = new Map<unknown, [property: string, column: string][]>();

  constructor(private readonly dataSource: DataSource) {}

  to<E extends object>(entity: ObjectType<E>, row: object): E {
    const result = {} as Record<string, unknown>;
    for (const [property, column] of this.columnsOf(entity))
      result[property] = (row as Record<string, unknown>)[column];
    return Object.setPrototypeOf(result, entity.prototype as object) as E;
  }

  private columnsOf(entity: ObjectType<object>): [string, string][] {
    let columns = this.columns.get(entity);
    if (!columns) {
      columns = this.dataSource
        .getMetadata(entity)
        .columns.map(({ propertyName, databaseName }) => [propertyName, databaseName]);
      this.columns.set(entity, columns);
    }
    return columns;
  }
}
