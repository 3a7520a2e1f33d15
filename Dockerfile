# syntax=docker/dockerfile:1
# Images by digest: what was tried is what is built. `docker buildx imagetools inspect node:24-bookworm-slim` tells the newest.

FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools/node/package.json tools/node/
# What builds the console is among the optional packages: native, one for each platform.
RUN --mount=type=cache,target=/root/.npm npm ci
COPY tsconfig.json tsconfig.build.json nest-cli.json ormconfig.ts ./
COPY src src
COPY migrations migrations
COPY sql sql
COPY console console
COPY scripts/build.mjs scripts/
RUN npm run build

FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY tools/node/package.json tools/node/
# Optional are the embedded PostgreSQL, the checkout's own Node and native speed-ups: none is needed at runtime.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional

FROM node:24-bookworm-slim@sha256:6f7b03f7c2c8e2e784dcf9295400527b9b1270fd37b7e9a7285cf83b6951452d
# Signals reach Ringback, and orphans are reaped.
RUN apt-get update \
  && apt-get install -y --no-install-recommends tini \
  && rm -rf /var/lib/apt/lists/* \
  && install -d -o node -g node /var/lib/ringback
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist/src dist/src
COPY --from=build /app/dist/migrations dist/migrations
COPY --from=build /app/dist/sql dist/sql
COPY --from=build /app/dist/console dist/console
COPY --from=build /app/dist/ormconfig.* dist/
# `docker exec` and `docker compose exec` have the command by its name.
COPY --chmod=755 <<'EOF' /usr/local/bin/ringback
#!/bin/sh
exec node --enable-source-maps /app/dist/src/main.js "$@"
EOF
# In production Ringback listens on every interface, and refuses to boot without DATABASE_URL and RINGBACK_SECRET_KEYS.
ENV NODE_ENV=production PORT=8080 RINGBACK_DATA_DIR=/var/lib/ringback
# By its number, which Kubernetes can tell from root's.
USER 1000:1000
VOLUME /var/lib/ringback
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "node", "--max-semi-space-size=16", "--enable-source-maps", "dist/src/main.js"]
