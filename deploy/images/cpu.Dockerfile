# Coordinator and worker for CPUs. Build it from the root of the repository:
#   docker build -f deploy/images/cpu.Dockerfile -t blockpruner:cpu --build-arg REVISION=$(git rev-parse HEAD) .
# What a container needs is in docs/images.md.
ARG NODE=24.21.0-bookworm-slim
ARG DEBIAN=bookworm-slim

# The manifests alone, so that packages are installed again only when one of them has changed.
FROM node:${NODE} AS manifests
WORKDIR /opt/blockpruner
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json ! -name .npmrc -delete

FROM node:${NODE} AS packages
WORKDIR /opt/blockpruner
COPY --from=manifests /opt/blockpruner ./
# Without scripts nothing is fetched but what the lock file names with its hash.
RUN npm ci --omit=dev --ignore-scripts --workspace=blockpruner --workspace=@blockpruner/worker
# The binaries of other platforms.
RUN arch=$(node -p process.arch) \
 && find node_modules/onnxruntime-node/bin -type f ! -path "*/linux/$arch/*" -delete \
 && find node_modules/tokenizers -name '*.node' ! -name "*.linux-$arch-gnu.node" -delete \
 && find node_modules -type d -empty -delete
# npm lists what is installed only where no manifest asks for more; with --omit=dev it drops what dev packages share.
RUN npm pkg delete devDependencies optionalDependencies --workspaces --include-workspace-root \
 && npm sbom --sbom-format=cyclonedx --sbom-type=application >/sbom.cdx.json

# Debian's own image, not node's: that one has package managers in its lower layers.
FROM debian:${DEBIAN}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="BlockPruner" \
      org.opencontainers.image.description="Finds the transformer blocks that a language model needs least" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Volumes take their owner from here.
RUN install -d -o 65532 -g 65532 /cache /runs \
 && ln -s /opt/blockpruner/apps/coordinator/bin/blockpruner /usr/local/bin/blockpruner
COPY --from=packages /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /opt/blockpruner/node_modules /opt/blockpruner/node_modules
COPY --from=packages /sbom.cdx.json /usr/share/doc/blockpruner/sbom.cdx.json
COPY LICENSE /usr/share/doc/blockpruner/LICENSE
COPY proto /opt/blockpruner/proto
COPY libs /opt/blockpruner/libs
COPY apps /opt/blockpruner/apps
ENV NODE_ENV=production \
    HOME=/tmp \
    BLOCKPRUNER_CACHE_DIR=/cache
USER 65532:65532
# A run folder that nobody has named is made in runs/ of this folder: on the volume.
WORKDIR /
ENTRYPOINT ["blockpruner"]
