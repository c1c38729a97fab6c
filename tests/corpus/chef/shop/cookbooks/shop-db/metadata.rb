name 'shop-db'
version '0.1.0'
