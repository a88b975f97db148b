# The server with its trainer, which is a child process of it. `docker build .` makes the target `server`.
# There is no CUDA target: nothing in the engine asks the runtime for a GPU, and GPU libraries alone would change nothing.

# Pin the base by digest where you build, see docs/runbook.md: --build-arg NODE_IMAGE=node@sha256:...
ARG NODE_IMAGE=node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json ./
COPY core/package.json core/
COPY server/package.json server/
COPY trainer/package.json trainer/
COPY loadtest/package.json loadtest/

FROM manifests AS build
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY core core
COPY server server
COPY trainer trainer
COPY loadtest loadtest
RUN node node_modules/typescript/bin/tsc -p tsconfig.json \
 && rm dist/.tsbuildinfo \
 && chmod 755 dist/server/cli/millrace.js

# What runs, and the list of it. The runtime's package carries libraries for every platform; one is enough.
FROM manifests AS packages
RUN npm ci --ignore-scripts --no-audit --no-fund --omit=dev \
 && npm sbom --package-lock-only --omit=dev --sbom-format=cyclonedx > sbom.json \
 && rm -r node_modules/@millrace \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

FROM ${NODE_IMAGE} AS server
LABEL org.opencontainers.image.title="Millrace" \
      org.opencontainers.image.description="A self-hosted inference gateway that learns while it serves" \
      org.opencontainers.image.licenses="Apache-2.0"
# tini: process 1 has to take in orphans, and to end at SIGTERM before the server has its handlers. Never with -g: a signal is
# the server's to pass on, and engines that got it too would drop what is to be finished. npm is not needed to run.
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx \
 && ln -s /app/dist/server/cli/millrace.js /usr/local/bin/millrace \
 && mkdir -p /etc/millrace /var/lib/millrace \
 && printf 'server: { host: 0.0.0.0 }\n' > /etc/millrace/millrace.yaml \
 && chown 10001:10001 /var/lib/millrace
COPY package.json LICENSE /app/
COPY --from=packages /app/sbom.json /app/sbom.json
COPY --from=packages /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist

# A file of one's own goes in the place of this one. Relative folders, models and state, lie in the volume; the rest of the
# file system may be read-only, with a tmpfs at /tmp.
ENV NODE_ENV=production MILLRACE_CONFIG=/etc/millrace/millrace.yaml
# ONNX Runtime would report its use to its maker.
ENV ORT_DISABLE_TELEMETRY=1
WORKDIR /var/lib/millrace
VOLUME /var/lib/millrace
USER 10001:10001
EXPOSE 8080
# The first start fetches and imports the models. Asks the port that the variable names, or the default one.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MILLRACE_SERVER_PORT ?? 8080}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["tini", "--", "millrace"]
CMD ["serve"]
