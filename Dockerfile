# The service in a container: docker build -t mmrank . (docs/operate.md). No user with rights, nothing written but /data.
FROM python:3.12-slim-bookworm AS build

# The CPU build of torch; for CUDA: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TORCH=2.13.0
# Further extras, such as serve,vlm
ARG EXTRAS=serve

WORKDIR /source
RUN python -m venv /opt/mmrank \
    && /opt/mmrank/bin/pip install --no-cache-dir --no-compile --index-url "${TORCH_INDEX}" "torch==${TORCH}"
COPY tools/constraints.txt tools/constraints.txt
COPY pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff ./
COPY mmrank mmrank
RUN /opt/mmrank/bin/pip install --no-cache-dir --no-compile -c tools/constraints.txt ".[${EXTRAS}]"

FROM python:3.12-slim-bookworm

RUN groupadd --gid 10001 mmrank \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin mmrank \
    && install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /opt/mmrank /opt/mmrank

ENV PATH=/opt/mmrank/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HF_HUB_OFFLINE=1 \
    HF_HOME=/data/huggingface \
    MMRANK_CACHE=/data/cache \
    XDG_CONFIG_HOME=/data/config \
    MMRANK_SERVE_KEYS=/data/keys.json

USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["mmrank"]
CMD ["serve", "/data/library.mmrank", "--host", "0.0.0.0", "--port", "8000"]
