FROM flynn/build AS build
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ruby-bundler ruby-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV BUNDLE_PATH=vendor/bundle BUNDLE_DEPLOYMENT=1 BUNDLE_WITHOUT=development:test
COPY Gemfile Gemfile.lock ./
COPY vendor/cache vendor/cache
RUN bundle install --local
COPY . .
RUN rake assets:precompile

FROM flynn/run
USER root
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ruby ruby-bundler && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV BUNDLE_PATH=vendor/bundle BUNDLE_DEPLOYMENT=1 BUNDLE_WITHOUT=development:test
COPY --from=build /app .
USER app
CMD ["bundle", "exec", "tiny-rack"]
