FROM flynn/run
USER root
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3 python3-venv && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt ./
COPY wheels wheels
RUN python3 -m venv /venv && /venv/bin/pip install --no-index --find-links wheels -r requirements.txt
COPY . .
USER app
ENV PATH=/venv/bin:$PATH
CMD ["tiny-wsgi", "app:app"]
