# One image for all programs; compose.yaml says which one a container runs.
FROM python:3.13-slim-bookworm

RUN useradd --create-home --uid 10001 upshot
WORKDIR /app

COPY requirements.txt ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.txt

COPY pyproject.toml README.md dbt_project.yml profiles.yml ./
COPY macros macros
COPY models models
COPY tests/dbt tests/dbt
COPY ingest ingest
COPY orchestration orchestration
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

# Where dbt and Dagster keep what they write: a volume, so that it outlives the container. The rest
# of the image is never written to.
RUN mkdir -p /data/dagster /backups && chown -R upshot:upshot /data /backups
ENV UPSHOT_HOME=/data \
    DBT_TARGET_PATH=/data/dbt \
    DAGSTER_HOME=/data/dagster \
    DO_NOT_TRACK=1 \
    PYTHONUNBUFFERED=1
VOLUME /data
USER upshot

EXPOSE 8000 3000
# As many processes as WEB_CONCURRENCY says.
CMD ["uvicorn", "--factory", "ingest.app:create_app", "--no-access-log", "--host", "0.0.0.0", "--port", "8000"]
