# Workers for NVIDIA GPUs: the CPU image, onnxruntime's CUDA provider and the CUDA 13 libraries. The driver's own library
# comes from the host. Build the CPU image first, then from the root of the repository:
#   docker build -f deploy/images/gpu.Dockerfile -t blockpruner:gpu .
ARG CPU_IMAGE=blockpruner:cpu

FROM ${CPU_IMAGE} AS cuda
USER root
RUN apt-get update && apt-get install -y --no-install-recommends python3-pip
WORKDIR /opt/blockpruner
COPY package.json ./
COPY tools/install-cuda-provider tools/
COPY tools/cuda-provider tools/cuda-provider
# The versions are in tools/cuda-provider/install.ts; the provider's is that of the installed onnxruntime-node.
RUN tools/install-cuda-provider --libraries /opt/cuda \
 && node tools/cuda-provider/sbom.ts /usr/share/doc/blockpruner/sbom.cdx.json

FROM ${CPU_IMAGE}
ARG BINDING=/opt/blockpruner/node_modules/onnxruntime-node/bin/napi-v6/linux/x64
COPY --from=cuda /opt/cuda /opt/cuda
COPY --from=cuda ${BINDING}/libonnxruntime_providers_cuda.so ${BINDING}/libonnxruntime_providers_shared.so ${BINDING}/
COPY --from=cuda /usr/share/doc/blockpruner/sbom.cdx.json /usr/share/doc/blockpruner/sbom.cdx.json
# /usr/local/nvidia is where clusters without NVIDIA's container toolkit mount the driver.
ENV LD_LIBRARY_PATH=/opt/cuda:/usr/local/nvidia/lib64 \
    PATH=/usr/local/nvidia/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
