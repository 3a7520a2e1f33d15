import { Injectable } from '@nestjs/common';
import { DataSource, type ObjectType } from 'typeorm';

type Reader = (row: object) => object;

/** Turns rows of raw statements (`RETURNING o.*`) into entities, by the entities' own column names. Entities have no methods. */
@Injectable()
export class Rows {
  private readonly readers = new Map<unknown, Reader>();

  constructor(private readonly dataSource: DataSource) {}

  to<E extends object>(entity: ObjectType<E>, row: object): E {
    return this.readerOf(entity)(row) as E;
  }

  private readerOf(entity: ObjectType<object>): Reader {
    let reader = this.readers.get(entity);
    if (!reader) {
      const members = this.dataSource
        .getMetadata(entity)
        .columns.map(
          ({ propertyName, databaseName }) =>
            `${JSON.stringify(propertyName)}: row[${JSON.stringify(databaseName)}]`,
        );
      // Compiled once: set property by property, an object of so many costs ten times as much, here and wherever it is copied.
      // oxlint-disable-next-line typescript/no-implied-eval -- the names are our entities' own
      reader = new Function('row', `return { ${members.join(', ')} }`) as Reader;
      this.readers.set(entity, reader);
    }
    return reader;
  }
}
