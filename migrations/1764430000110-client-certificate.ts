import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Some receivers want to know by TLS who calls: an endpoint has a certificate to show. */
export class ClientCertificate1764430000110 implements MigrationInterface {
  name = 'ClientCertificate1764430000110';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE endpoint ADD COLUMN client_certificate text;
      COMMENT ON COLUMN endpoint.client_certificate IS 'sealed PEM of the certificate, its chain and its key that TLS shows the receiver';
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE endpoint DROP COLUMN client_certificate');
  }
}
