import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { AccountStore } from '../../accounts/account.store.js';
import { IsAdmin, NeedsScope } from '../../accounts/api-key.guard.js';
import { type Whose, WhoseRows } from '../../accounts/whose.js';
import { DeliveryReads } from '../../deliveries/delivery-reads.store.js';
import { EndpointStore } from '../../endpoints/endpoint.store.js';
import { FilesService } from '../../files/files.service.js';
import { NUMBER_KEY } from '../../http/page.js';
import { OperationReads } from '../../operations/read/operation-reads.store.js';
import { SearchQuery } from './search.request.js';
import { SearchResponse, SearchResult } from './search.response.js';

/** Operations of one correlation that are shown, the newest. */
const MAX_CORRELATED = 20;

@ApiTags('operations')
@Controller('v1/search')
export class SearchController {
  constructor(
    private readonly operations: OperationReads,
    private readonly deliveries: DeliveryReads,
    private readonly endpoints: EndpointStore,
    private readonly files: FilesService,
    private readonly accounts: AccountStore,
  ) {}

  /** What has this id, `request_id` or correlation, whatever it is. */
  @Get()
  @ApiOperation({ operationId: 'search' })
  @NeedsScope('operations:read')
  async search(
    @WhoseRows() whose: Whose,
    @IsAdmin() isAdmin: boolean,
    @Query() { q }: SearchQuery,
  ): Promise<SearchResponse> {
    const found = await Promise.all([
      this.named(q.trim().toLowerCase(), whose),
      this.correlated(q, whose),
      isAdmin ? this.accountsOf(q.trim(), whose) : [],
    ]);
    const distinct = new Map(found.flat().map((result) => [`${result.kind} ${result.id}`, result]));
    return { data: [...distinct.values()] };
  }

  /** What has an id: which kind it has, the id tells. */
  private async named(id: string, whose: Whose): Promise<SearchResult[]> {
    const { account } = whose;
    if (NUMBER_KEY.test(id)) {
      const operation = await this.operations.findByRequestId(account, id);
      return operation ? [SearchResult.ofOperation(operation, whose)] : [];
    }
    const [, prefix, hex] = /^(dlv_|ep_|file_|)([0-9a-f]{32})$/.exec(id) ?? [];
    if (hex === undefined) return [];
    const [view, delivery, endpoint, file] = await Promise.all([
      prefix === '' ? this.operations.find(account, id) : null,
      prefix === 'dlv_' ? this.deliveries.find(account, id) : null,
      prefix === 'ep_' ? this.endpoints.find(account, id) : null,
      // Without its prefix it is a token of the trm face.
      prefix === '' || prefix === 'file_' ? this.files.find(account, id) : null,
    ]);
    return [
      ...(view ? [SearchResult.ofOperation(view.operation, whose)] : []),
      ...(delivery ? [SearchResult.ofDelivery(delivery, whose)] : []),
      ...(endpoint ? [SearchResult.ofEndpoint(endpoint, whose)] : []),
      ...(file ? [SearchResult.ofFile(file, whose)] : []),
    ];
  }

  private async correlated(correlation: string, whose: Whose): Promise<SearchResult[]> {
    const page = { newestFirst: true, after: null, limit: MAX_CORRELATED };
    const { rows } = await this.operations.list({ account: whose.account, correlation }, page);
    return rows.map(({ operation }) => SearchResult.ofOperation(operation, whose));
  }

  /** By id or name: all, or the one that the request names. */
  private async accountsOf(idOrName: string, whose: Whose): Promise<SearchResult[]> {
    const [byId, byName] = await Promise.all([
      this.accounts.find(idOrName),
      this.accounts.findByName(idOrName),
    ]);
    return [byId, byName]
      .filter((account) => account !== null)
      .filter(
        ({ id, deletedAt }) =>
          deletedAt === null && (!whose.named || whose.account === null || id === whose.account),
      )
      .map((account) => SearchResult.ofAccount(account, whose));
  }
}
