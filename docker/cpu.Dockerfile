# The tested stack on a CPU: docker build -f docker/cpu.Dockerfile -t perception_kd .
FROM python:3.11-slim-bookworm AS build

SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/perception_kd
COPY requirements requirements
COPY tools tools
COPY configs configs
COPY perception_kd perception_kd
COPY setup.py pyproject.toml MANIFEST.in README.md LICENSE Makefile ./
RUN make env

FROM python:3.11-slim-bookworm

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 libgomp1 libx11-6 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/perception_kd /opt/perception_kd
ENV PATH=/opt/perception_kd/.venv/bin:$PATH OMP_WAIT_POLICY=passive
RUN useradd --create-home --uid 1000 user
USER 1000
# Data and results are mounted here.
WORKDIR /data
ENTRYPOINT ["python", "-m", "perception_kd"]
CMD ["doctor"]
