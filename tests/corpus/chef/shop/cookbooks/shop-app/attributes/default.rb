default[:shop][:name] = 'shop'
default[:shop][:repo] = 'https://forge.example/shop.git'
default[:shop][:path] = "/srv/#{node[:shop][:name]}"
default[:shop][:port] = 8000
default[:shop][:env] = { 'DJANGO_SETTINGS_MODULE' => 'shop.settings', 'LANG' => 'C.UTF-8' }
default[:shop][:debug] = false
default[:shop][:workers] = 4
override['shop-db']['listen'] = '*'
