default['shop-db']['version'] = '15'
default['shop-db']['listen'] = '127.0.0.1'
