import { accountShown, type Whose } from '../../accounts/whose.js';
import type { AccountEntity } from '../../accounts/account.entity.js';
import type { DeliveryEntity } from '../../deliveries/delivery.entity.js';
import type { EndpointEntity } from '../../endpoints/endpoint.entity.js';
import type { FileEntity } from '../../files/file.entity.js';
import type { OperationEntity } from '../../operations/operation.entity.js';
import { shownUrl } from './operation.response.js';

/** Something that was found, as far as one tells it from others. */
export class SearchResult {
  kind: 'operation' | 'delivery' | 'endpoint' | 'file' | 'account';
  id: string;
  /** Whose it is; there where the request named an `account`. */
  account_id?: string;
  /** One line for people. */
  label: string;

  static ofOperation(operation: OperationEntity, whose: Whose): SearchResult {
    const { rid, type, state, correlation } = operation;
    const label = [`${type}, ${state}`, ...(correlation === null ? [] : [correlation])].join(': ');
    return { kind: 'operation', id: rid, ...accountShown(operation.accountId, whose), label };
  }

  static ofDelivery({ id, accountId, eventType, state, url }: DeliveryEntity, whose: Whose): SearchResult {
    const label = `${eventType}, ${state}: ${shownUrl(url) ?? 'pulled'}`;
    return { kind: 'delivery', id, ...accountShown(accountId, whose), label };
  }

  static ofEndpoint({ id, accountId, url, description }: EndpointEntity, whose: Whose): SearchResult {
    const label = [shownUrl(url) ?? 'pulled', ...(description === '' ? [] : [description])].join(': ');
    return { kind: 'endpoint', id, ...accountShown(accountId, whose), label };
  }

  static ofFile({ id, accountId, name }: FileEntity, whose: Whose): SearchResult {
    return { kind: 'file', id, ...accountShown(accountId, whose), label: name };
  }

  static ofAccount({ id, name }: AccountEntity, whose: Whose): SearchResult {
    return { kind: 'account', id, ...accountShown(id, whose), label: name };
  }
}

/** All that was found. */
export class SearchResponse {
  data: SearchResult[];
}
