FROM python:3.13-slim AS pages
WORKDIR /src
COPY requirements-web.txt .
RUN python -m venv /web && /web/bin/pip install --no-cache-dir --require-hashes -r requirements-web.txt
ENV PATH=/web/bin:$PATH
COPY web web
RUN cd web/pages && npm ci --no-audit --no-fund && npm run build

FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.txt .
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
COPY --from=pages /src/app/static app/static
RUN /venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home roomlog
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER roomlog
EXPOSE 8080
CMD ["roomlog", "serve", "--host", "0.0.0.0"]
