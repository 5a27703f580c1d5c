# One image for web, workers and serve: the command decides. Build with the CPU-only torch (a tenth of the size) by
#   docker build --build-arg TORCH_INDEX=<index of CPU wheels> .
FROM python:3.11-slim-bookworm AS build
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt constraints.txt ./
RUN python -m venv /opt/venv \
    && PIP_EXTRA_INDEX_URL="$TORCH_INDEX" /opt/venv/bin/pip install -r requirements.txt -c constraints.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /srv/studio studio \
    && install -d -o studio -g studio /data
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY manage.py CHANGELOG.md LICENSE README.md ./
COPY static static
COPY templates templates
COPY locale locale
COPY nlpstudio nlpstudio
ENV PATH=/opt/venv/bin:$PATH \
    STUDIO_HOME=/data \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_WAIT_POLICY=PASSIVE \
    TOKENIZERS_PARALLELISM=false
USER studio
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "studio", "--host", "0.0.0.0"]
