# For GPUs: docker build -f docker/cuda.Dockerfile -t perception_kd:cuda .
# The package's ranges with torch and spconv for CUDA 12.6; mmcv is compiled for the GPUs of
# TORCH_CUDA_ARCH_LIST. The machine needs NVIDIA's driver and container toolkit only.
FROM python:3.11-bookworm AS build

ARG TORCH_CUDA_ARCH_LIST="8.0;8.6;8.9;9.0"
ARG MAX_JOBS=4
ARG CUDA_REPOSITORY=https://developer.download.nvidia.com/compute/cuda/repos/debian12/x86_64
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu126
ENV CUDA_HOME=/usr/local/cuda-12.6 MMCV_WITH_OPS=1 FORCE_CUDA=1 PIP_NO_CACHE_DIR=1 \
    TORCH_CUDA_ARCH_LIST=${TORCH_CUDA_ARCH_LIST} MAX_JOBS=${MAX_JOBS}
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3020
ADD ${CUDA_REPOSITORY}/cuda-keyring_1.1-1_all.deb /tmp/cuda-keyring.deb
# hadolint ignore=DL3008
RUN dpkg -i /tmp/cuda-keyring.deb \
    && apt-get update \
    && apt-get install --yes --no-install-recommends \
       cuda-libraries-dev-12-6 cuda-nvcc-12-6 cuda-profiler-api-12-6 g++ \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /opt/perception_kd
COPY requirements requirements
# Versions come from here, so that commands name none.
ENV PIP_CONSTRAINT=/opt/perception_kd/requirements/cuda.txt
# hadolint ignore=DL3013
RUN pip install -r requirements/build.txt \
    && pip install torch numpy --extra-index-url "${TORCH_INDEX}" \
    && pip install --no-build-isolation mmcv opencv-python-headless
COPY setup.py pyproject.toml MANIFEST.in README.md LICENSE ./
COPY configs configs
COPY tools tools
COPY perception_kd perception_kd
# hadolint ignore=DL3013
RUN pip install spconv-cu126 open3d ".[demo,rosbag,points,poses,vit]" \
    && pip install --no-deps -r requirements/no-deps.txt

FROM python:3.11-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libgomp1 libx11-6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH OMP_WAIT_POLICY=passive
RUN useradd --create-home --uid 1000 user
USER 1000
# Data and results are mounted here.
WORKDIR /data
ENTRYPOINT ["python", "-m", "perception_kd"]
CMD ["doctor"]
