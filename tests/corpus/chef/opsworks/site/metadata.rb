name "site"
depends "deploy"
