# builds from source
nginx_url = node['webserver']['source']['url'] ||
            "https://nginx.example/download/nginx-#{node['webserver']['source']['version']}.tar.gz"

remote_file nginx_url do
  source nginx_url
  path "#{Chef::Config['file_cache_path']}/nginx.tar.gz"
  backup false
end

bash 'compile_nginx_source' do
  cwd ::File.dirname('/usr/src/nginx')
  code <<-EOH
    tar zxf nginx.tar.gz
    cd nginx && ./configure
    make && make install
  EOH
  not_if { ::File.exist?('/usr/sbin/nginx') }
end

ruby_block 'check' do
  block do
    Chef::Log.info("done")
  end
end
