describe 'webserver::default' do; end
