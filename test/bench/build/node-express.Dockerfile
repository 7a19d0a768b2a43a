# The same app as an ordinary Dockerfile would build it.
FROM flynn/build AS build
WORKDIR /app
ENV PATH=/flynn/node/bin:$PATH
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM flynn/run
COPY --from=build /flynn/node/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=build /app .
USER app
CMD ["node", "app.js"]
